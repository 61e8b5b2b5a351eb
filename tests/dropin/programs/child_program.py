"""A Tornado program that waits for children of `tornado.process`, on whatever loop it gets."""

import asyncio
import subprocess
import sys

from tornado.ioloop import IOLoop
from tornado.process import Subprocess


def child(code, **options):
    return Subprocess([sys.executable, "-c", code], **options)


async def main():
    ended = asyncio.Event()
    Subprocess.initialize()
    quick = child("print('out')", stdout=Subprocess.STREAM)
    print((await quick.stdout.read_until_close()).decode().strip(), await quick.wait_for_exit())
    codes = []
    many = [child(f"raise SystemExit({number})") for number in range(5)]
    for one in many:
        one.set_exit_callback(lambda code: (codes.append(code), len(codes) == 5 and ended.set()))
    await ended.wait()
    print(sorted(codes), [one.returncode for one in many])
    killed = child("import time; time.sleep(60)")
    IOLoop.current().call_later(0.05, killed.proc.kill)
    print(await killed.wait_for_exit(raise_error=False))
    try:
        await child("raise SystemExit(3)").wait_for_exit()
    except subprocess.CalledProcessError as error:
        print("error", error.returncode)
    beside = await asyncio.create_subprocess_exec(sys.executable, "-c", "raise SystemExit(4)")
    print(await beside.wait())
    Subprocess.uninitialize()


asyncio.run(main())
