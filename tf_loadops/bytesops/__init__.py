"""Byte-tensor primitives that the formats share."""
