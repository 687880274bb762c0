"""Where a server is: `postgresql://` addresses, told without their secrets, and refused where libpq would repeat them.

libpq's own messages quote what it cannot parse, and that may be a password. So nothing reaches it here that it could
not parse.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote

import tensorflow as tf

from tf_loadops.errors import NO_CONNECTION, gate, message_of
from tf_loadops.paths import fresh

Tensor = Any

CONNECT_TIMEOUT = 10
"""Seconds that one attempt to connect may take, unless the address says otherwise."""

_TEXT = r"(?:[^\x00-\x20%:@/?#&=]|%(?:[1-9A-Fa-f][0-9A-Fa-f]|0[1-9A-Fa-f]))"
_SECRET = r"(?:[^\x00-\x20%@/?]|%(?:[1-9A-Fa-f][0-9A-Fa-f]|0[1-9A-Fa-f]))"
_VALUE = r"(?:[^\x00-\x20%@?#&=]|%(?:[1-9A-Fa-f][0-9A-Fa-f]|0[1-9A-Fa-f]))"
_HOST = rf"(?:\[[0-9A-Fa-f:.%]+\]|{_TEXT}+)?(?::[0-9]{{1,5}})?"
# Those of libpq that make sense here; of others it would complain without saying where.
_OPTION = (
    "(?:user|password|passfile|service|host|hostaddr|port|dbname|connect_timeout|client_encoding|options|"
    "(?:fallback_)?application_name|keepalives(?:_idle|_interval|_count)?|tcp_user_timeout|sslmode|sslcompression|"
    "sslcert|sslkey|sslrootcert|sslcrl|requirepeer|krbsrvname|gsslib|gssencmode|target_session_attrs)"
)
_URI = (
    rf"postgres(?:ql)?://(?:{_TEXT}*(?::{_SECRET}*)?@)?{_HOST}(?:,{_HOST})*(?:/{_TEXT}*)?"
    rf"(?:\?(?:{_OPTION}={_VALUE}*(?:&{_OPTION}={_VALUE}*)*)?)?"
)
_TLS = r".*[?&]sslmode=(?:require|verify-ca|verify-full)(?:&.*)?"
_WITH_HOST = r"(postgres(?:ql)?://(?:[^@/?]*@)?)([^@/?]+.*)"
_SCHEME = re.compile(r"postgres(?:ql)?://", re.ASCII)


def is_server(source: Any) -> bool:
    """Whether a source, as users write it, is the address of a PostgreSQL server."""
    return isinstance(source, str) and _SCHEME.match(source) is not None


def label_of(dsn: str) -> str:
    """An address without user, password and options, for messages.

    Example:
      >>> label_of("postgresql://me:secret@db.example.org:5433/shop?application_name=x")
      'postgresql://db.example.org:5433/shop'
    """
    return "postgresql://" + re.sub(r"\?.*", "", re.sub(r"^.*(?:@|://)", "", dsn, flags=re.S), flags=re.S)


def without_password(dsn: str) -> str:
    """The address without a password.

    Example:
      >>> without_password("postgresql://me:secret@host/shop?password=secret&connect_timeout=3")
      'postgresql://me@host/shop?connect_timeout=3'
    """
    scheme, _, rest = dsn.partition("://")
    user, at, place = rest.rpartition("@")
    place, mark, options = place.partition("?")
    kept = [option for option in options.split("&") if not re.match(r"(?:ssl)?password=", option, re.I)]
    return f"{scheme}://{user.partition(':')[0]}{at}{place}{mark if any(kept) else ''}{'&'.join(kept)}"


def has_password(dsn: str) -> bool:
    """Whether an address holds a password."""
    return without_password(dsn) != dsn


def warn_if_open(dsn: str, level: int = 4) -> None:
    """Warns where data and password would travel through a network unencrypted."""
    if not is_local(dsn):
        warnings.warn(
            f"{label_of(dsn)}: the in-graph client has no TLS: queries and rows, though not the password itself "
            "(SCRAM), travel unencrypted. Use it in a network that you trust, through a tunnel, or take a snapshot.",
            stacklevel=level,
        )


def is_local(dsn: str) -> bool:
    """Whether an address names this machine, or leaves the host to libpq's environment."""
    place = re.sub(r"^.*(?:@|://)", "", dsn, flags=re.S)
    authority, _, options = place.partition("?")
    hosts = [unquote(host) for host in authority.partition("/")[0].split(",")]
    hosts += [host for key, value in parse_qsl(options) if key in ("host", "hostaddr") for host in value.split(",")]
    return all(re.fullmatch(r"(?:localhost|127\.[0-9.]+|\[?::1\]?|/.*)?(?::\d+)?", host) for host in hosts)


def label(dsn: Tensor) -> Tensor:
    """As `label_of`, in the graph."""
    place = tf.strings.regex_replace(dsn, r"(?s)^.*(?:@|://)", "", replace_global=False)
    place = tf.strings.regex_replace(place, r"(?s)\?.*", "")
    return tf.strings.join(["postgresql://", tf.strings.unicode_transcode(place, "UTF-8", "UTF-8")])


@contextlib.contextmanager
def located(dsn: Tensor) -> Iterator[None]:
    """Says where no connection was made, to eager callers, also where libpq forgets what `telling` has it say."""
    try:
        yield
    except tf.errors.OpError as error:
        said = message_of(error)
        if not said.startswith(NO_CONNECTION) or not hasattr(dsn, "numpy"):
            raise
        place = ", ".join(label_of(one.decode(errors="replace")) for one in tf.reshape(dsn, [-1]).numpy())
        said = f"{place}: {said[0].lower()}{said[1:]}"
        raise tf.errors.InvalidArgumentError(error.node_def, error.op, said) from None


def guarded(dsn: Tensor) -> Tensor:
    """Refuses what is no address that the client can take.

    Args:
      dsn: string scalar.

    Returns:
      The address with what every connection needs, never folded into a graph.

    Raises:
      tf.errors.InvalidArgumentError: at run time, without the address' secrets.
    """
    is_uri = tf.strings.regex_full_match(dsn, _URI)
    needs_tls = tf.strings.regex_full_match(dsn, _TLS)
    begins = tf.strings.regex_full_match(dsn, r"(?s)postgres(?:ql)?://.*")

    def refused() -> Tensor:
        no_tls = _join(
            label(dsn), ": sslmode asks for TLS, which the in-graph client does not have. Take a snapshot, which "
            "has, or "
            "use a tunnel and leave sslmode out.",
        )
        no_uri = _join(
            label(dsn), ": no address that libpq could read. Write postgresql://user@host:port/database?option=value, "
            "special characters as %XX; it is not shown whole, for it may hold a password.",
        )
        other = tf.constant(
            "No address of a PostgreSQL server: one begins with postgresql://. What is left out of it, libpq takes "
            "from "
            "its environment (PGHOST, PGUSER, PGPASSWORD, PGPASSFILE, PGSERVICE)."
        )
        return tf.where(begins, tf.where(is_uri, no_tls, no_uri), other)

    dsn = gate(is_uri & ~needs_tls, refused, fresh(dsn))
    timed = tf.strings.regex_full_match(dsn, r".*[?&]connect_timeout=.*")
    timeout = tf.where(timed, "", f"&connect_timeout={CONNECT_TIMEOUT}")
    mark = tf.where(tf.strings.regex_full_match(dsn, r".*\?.*"), "&", "?")
    dsn = tf.strings.regex_replace(dsn, r"[?&]$", "")
    # Programs are written in UTF-8, whatever the environment says.
    return _join(dsn, mark, "client_encoding=UTF8", timeout)


def telling(dsn: Tensor, where: Tensor) -> Tensor:
    """The address that makes libpq say, in its own message, where it could not connect to.

    libpq tries one host after the other and says what came of each. So a first "host" that is a directory of sockets,
    and too long for one, gets our own words into the message before the server's.
    """
    words = _join("said libpq of ", where, " where no connection was made")
    for char, code in ((r"%", "%25"), (r"/", "%2F"), (r":", "%3A"), (r" ", "%20"), (r",", "%20or%20"), (r"\[", "%5B"),
                       (r"\]", "%5D"), (r"[^\x21-\x7e]", "%3F")):  # fmt: skip
        words = tf.strings.regex_replace(words, char, code)
    takes = ~tf.strings.regex_full_match(dsn, r".*[?&]host(?:addr)?=.*") & tf.strings.regex_full_match(dsn, _WITH_HOST)
    # NUL is in no address: it marks the place.
    parts = tf.strings.split(tf.strings.regex_replace(dsn, f"^{_WITH_HOST}$", "\\1\0\\2"), "\0")
    parts = tf.concat([parts, [""]], axis=0)
    return tf.where(takes, _join(parts[0], "%2F", words, "%20" * 100, ",", parts[1]), dsn)


def _join(*parts: Any) -> Tensor:
    return tf.strings.join(list(parts))
