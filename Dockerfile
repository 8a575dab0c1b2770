# talkface without a Python of your own; the first line of docs/exports.md's part on Docker builds it.
FROM python:3.11-slim

# Where torch comes from: the CPU's build, or https://download.pytorch.org/whl/cu130 for CUDA's.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

WORKDIR /talkface
COPY requirements.txt .
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" "$(grep -o '^torch==[0-9.]*' requirements.txt)" \
    && pip install --no-cache-dir -r requirements.txt
COPY . .

# What is found in videos is kept here; mount a volume to keep it longer.
ENV XDG_CACHE_HOME=/cache
RUN mkdir -m 777 /cache
ENTRYPOINT ["python", "inference.py"]
CMD ["--help"]
