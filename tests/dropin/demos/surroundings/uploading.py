"""Call a function of the demo `file_uploader`: its name, then the files to send."""

import asyncio
import sys

import file_uploader


async def main():
    await getattr(file_uploader, sys.argv[1])(sys.argv[2:])


asyncio.run(main())
