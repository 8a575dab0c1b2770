"""The weights that scores need, as `python -m models.pretrained` fetches them.

python -m evaluation.weights syncnet_v2        download SyncNet's, for LSE
python -m evaluation.weights inception         download Inception's, for FID
python -m evaluation.weights                   say what is there
"""

from models.pretrained import main

if __name__ == "__main__":
    main()
