"""The shell port, in process and over real SSH, and the nights that the vendor forbids."""
