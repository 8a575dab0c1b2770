"""Any corpus of talking faces to training data: face crops, sound and mel, clip by clip."""
