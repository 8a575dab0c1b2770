"""Pack a corpus, by its older name: python -m training.pack is python -m corpus.pack."""

import sys

from corpus.pack import main

if __name__ == "__main__":
    sys.exit(main())
