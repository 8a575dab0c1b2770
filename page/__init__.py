"""The page in a browser and the HTTP API, over lipsync/; needs requirements-app.txt."""
