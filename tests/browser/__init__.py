"""The page of localslack, as a person uses it in Chromium."""
