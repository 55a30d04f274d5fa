"""nft without running nft: commands to libnftables, answers as JSON (man libnftables, libnftables-json(5)).

Called by the nftables backend. A call costs some 0.05 ms, where fork and exec of `nft` cost more than all the
rest.
"""

from __future__ import annotations

import ctypes
import json
import socket
from collections.abc import Sequence

_NETLINK_NETFILTER = 12  # uapi/linux/netlink.h
_HANDLE, _JSON = 1 << 3, 1 << 4  # NFT_CTX_OUTPUT_*, nftables/libnftables.h

JSON = dict[str, object]


class NftError(Exception):
    """libnftables refused a command; its own text is the argument."""


class Library:
    """libnftables.so.1, ready to run commands in the calling thread's network namespace."""

    def __init__(self) -> None:
        """Load the library; OSError if it is not installed, or if the kernel has no netfilter netlink."""
        # PyDLL keeps the interpreter lock: calls are short, older libnftables have process-wide caches
        library = ctypes.PyDLL("libnftables.so.1")
        # nft_ctx_new() ends the whole process if it gets no socket: ask first
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER).close()
        library.nft_ctx_new.argtypes = [ctypes.c_uint32]
        library.nft_ctx_new.restype = ctypes.c_void_p
        library.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
        library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        for function in (library.nft_ctx_free, library.nft_ctx_buffer_output, library.nft_ctx_buffer_error):
            function.argtypes = [ctypes.c_void_p]
        for function in (library.nft_ctx_get_output_buffer, library.nft_ctx_get_error_buffer):
            function.argtypes = [ctypes.c_void_p]
            function.restype = ctypes.c_char_p
        self._library = library

    def query(self, command: str) -> list[JSON] | None:
        """Run a `list` command; its objects, or None if what it names does not exist."""
        try:
            answer = self._run(command)
        except NftError as error:
            if "No such file or directory" in str(error):
                return None
            raise
        return list(json.loads(answer)["nftables"]) if answer else []

    def batch(self, commands: Sequence[JSON]) -> None:
        """Run commands as one transaction: all of them take effect at one moment, or none does."""
        self._run(json.dumps({"nftables": commands}))

    def _run(self, command: str) -> bytes:
        context = self._library.nft_ctx_new(0)  # its socket belongs to the namespace of this moment
        try:
            self._library.nft_ctx_buffer_output(context)
            self._library.nft_ctx_buffer_error(context)
            self._library.nft_ctx_output_set_flags(context, _HANDLE | _JSON)
            status = self._library.nft_run_cmd_from_buffer(context, command.encode())
            if status != 0:
                text = bytes(self._library.nft_ctx_get_error_buffer(context)).decode(errors="replace")
                raise NftError(text.strip().split("\n{")[0])
            return bytes(self._library.nft_ctx_get_output_buffer(context))
        finally:
            self._library.nft_ctx_free(context)
