"""A job's progress as words for the page, whenever they change."""

import asyncio
from collections.abc import AsyncIterator

from page import shown
from page.jobs import Job, JobQueue

EVERY_SECONDS = 0.2


async def follow(job: Job, queue: JobQueue) -> AsyncIterator[str]:
    """Yield a job's progress as HTML until it has ended; cancel it where nobody follows on."""
    told, parts = None, 0
    try:
        while not job.has_ended:
            words = shown.progress(job, queue.ahead_of(job))
            if (words, len(job.made)) != (told, parts):
                told, parts = words, len(job.made)
                yield words
            await asyncio.sleep(EVERY_SECONDS)
        yield shown.progress(job, 0)
    finally:
        if not job.has_ended:
            queue.cancel(job)
