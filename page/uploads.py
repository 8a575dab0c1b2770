"""Files come as uploads alone: Gradio would also fetch an address given in their place."""

import gradio as gr
from gradio_client.utils import is_http_url_like


def fetch_nothing(page: gr.Blocks) -> None:
    """Have every component refuse web addresses."""
    for block in page.blocks.values():
        _guard(block)


def _guard(block) -> None:
    keep = block.async_move_resource_to_block_cache

    async def keep_upload(path):
        if path is not None and is_http_url_like(str(path)):
            raise gr.Error("files are uploaded here, and never fetched from an address")
        return await keep(path)

    block.async_move_resource_to_block_cache = keep_upload
