"""Where a request ends: what belongs to one is never read as the next.

Behind a proxy, the next one may be somebody else's (RFC 9112, 11.2). So a body is read by its
framing; and where a proxy may see the end of a request elsewhere than we do, it is refused, and the
connection closed.
"""

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class UnknownFraming(Exception):
    """A proxy before us may take this request for another than we do, or see its end elsewhere."""


class Framing(HttpToolsProtocol):
    """uvicorn's protocol, which leaves to the client to say where its requests end.

    What cannot be read is reported to `send_400_response`, which has to close the connection.
    """

    ignores_offer = False
    """Whether the parser took the request that it reads for one of another protocol, and stops at
    its head, so that the head has to be read again."""

    _is_chunked = False
    _in_head = False
    _has_host = False

    def parse(self, data: bytes) -> None:
        """Read what came, to its end unless it cannot be read."""
        try:
            while data:
                data = self._feed(data)
        except HttpParserError:
            self.send_400_response("it is not HTTP/1.1, or its end cannot be known for sure")

    def on_message_begin(self) -> None:
        """Forget the request before."""
        super().on_message_begin()
        self._in_head = True
        self._is_chunked = self._has_host = self.ignores_offer = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer. Raises `UnknownFraming`.

        The parser also takes `gzip, chunked`, of which proxies think differently, and a second
        `Host`, by which they may choose another server than we are (RFC 9112, 3.2).
        """
        name = name.lower()
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif name == b"transfer-encoding" and self._in_head:
            if self._is_chunked or value.strip().lower() != b"chunked":
                raise UnknownFraming
            self._is_chunked = True
        elif name == b"host" and self._in_head:
            if self._has_host:
                raise UnknownFraming
            self._has_host = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Hand the request over, if it is one for us. Raises `UnknownFraming`."""
        self._in_head = False
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise UnknownFraming
            self.ignores_offer = True
            return
        version = self.parser.get_http_version()
        if version == "1.0":
            self.expect_100_continue = False  # it came with 1.1, as chunks did
        if version not in ("1.0", "1.1") or (version == "1.0" and self._is_chunked):
            raise UnknownFraming
        super().on_headers_complete()
        if self.expect_100_continue:
            # After an answer without 100 Continue, the client may send the body or the next
            # request (RFC 9110, 10.1.1): there is no telling which.
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Tell who reads the body, unless it is still to come."""
        if not self.ignores_offer:
            super().on_message_complete()

    def _feed(self, data: bytes) -> bytes:
        """Let the parser read, and return what it leaves. Raises `HttpParserError`."""
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as offer:
            self._read_again()
            return data[offer.args[0] :]
        return b""

    def _read_again(self) -> None:
        """Read a head again, without its offer to speak another protocol.

        A server may ignore such an offer, and the request is then like any other (RFC 9110, 7.8).
        The parser insists that the body is no longer HTTP.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))
