"""Tests of what speaks Slack, against a Slack on loopback."""
