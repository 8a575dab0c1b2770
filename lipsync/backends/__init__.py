"""Who computes: a method's networks on a device, many faces at a time."""
