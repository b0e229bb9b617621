"""Webhook deliveries on record, and the policy of allowed hosts. Workers send the deliveries."""
