"""Tuning: which engine serves an artifact best on this machine."""
