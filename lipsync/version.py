"""Which talkface this is, and what its results say of themselves."""

VERSION = "0.1.0"  # pyproject.toml's
TAG = f"synthetic: lips made by talkface {VERSION}"  # the comment in a result's container
