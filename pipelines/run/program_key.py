"""A signing key that a program keeps: a service for keys, a hardware module, another machine.

The key file is then a JSON object that names the program:

    {"vkey": "agency.example+…", "program": ["/usr/local/bin/sign", "agency"], "secret": "<base64>"}

The program gets the message on its standard input and writes the 64 bytes of the Ed25519 signature
to its standard output. `secret` is 32 random bytes, from which the agency's salts are derived.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field

from pipelines.ledger.ed25519 import from_base64, parse_vkey
from schemas.errors import InputError, RunError

_TIMEOUT_S = 60.0
_SECRET_BYTES = 32
_FIELDS = {"vkey", "program", "secret"}


@dataclass(frozen=True, slots=True)
class ProgramKey:
    """A key whose private half only a program has.

    Attributes:
        vkey: The public half.
        program: The program and its arguments; no shell is involved.
        secret: The secret that the agency's salts are derived from; never shown.
    """

    vkey: str
    program: tuple[str, ...]
    secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The key's name."""
        return parse_vkey(self.vkey).name

    def sign(self, message: bytes) -> bytes:
        """Returns the program's signature, which must be valid.

        Raises:
            RunError: If the program fails, takes too long, or signs with another key.
        """
        try:
            done = subprocess.run(
                self.program, input=message, capture_output=True, timeout=_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise self._failed(str(error)) from error
        if done.returncode:
            said = ascii(done.stderr.decode("utf-8", "replace").strip()[-200:])
            raise self._failed(f"exit code {done.returncode}, {said}")
        if not parse_vkey(self.vkey).has_signed(message, done.stdout):
            raise self._failed(
                f"its {len(done.stdout)} bytes are not a signature by the key {self.name}"
            )
        return done.stdout

    def _failed(self, why: str) -> RunError:
        return RunError(
            "The signing program failed",
            f"{self.program[0]}: {why}"[:400],
            "Nothing was signed. Run again when the program works.",
        )


def read_program_key(text: str, where: str) -> ProgramKey:
    """Reads a key file that names a program. Errors never show the secret.

    Raises:
        InputError: If it is malformed.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.keys() != _FIELDS:
        raise _malformed(where, f"it must be a JSON object with {', '.join(sorted(_FIELDS))}")
    vkey, program = found["vkey"], found["program"]
    secret = from_base64(found["secret"]) if isinstance(found["secret"], str) else None
    if secret is None or len(secret) != _SECRET_BYTES:
        raise _malformed(where, f"secret must be base64 of {_SECRET_BYTES} bytes")
    if not isinstance(vkey, str):
        raise _malformed(where, "vkey must be text")
    parse_vkey(vkey)
    if not isinstance(program, list) or not program or not all(_is_word(one) for one in program):
        raise _malformed(where, "program must be a list of texts, the program's path first")
    return ProgramKey(vkey, tuple(program), secret)


def _is_word(one: object) -> bool:
    return isinstance(one, str) and one != "" and "\0" not in one


def _malformed(where: str, why: str) -> InputError:
    return InputError("The signing key is malformed", f"{where}: {why}", "Correct the file.")
