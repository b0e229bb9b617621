"""Repairs what crashes, lost messages and an emptied Redis leave behind."""
