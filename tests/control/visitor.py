"""A person with a browser, as far as forms and cookies go."""

import re

from flask import Flask
from werkzeug.test import TestResponse

NAME = "admin"
PASSWORD = "correct horse battery staple"
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Visitor:
    """Keeps cookies; sends the hidden token with each form, as the page would."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def get(self, path: str) -> TestResponse:
        """Open a page."""
        return self.client.get(path)

    def post(self, path: str, **fields: str) -> TestResponse:
        """Send a form."""
        return self.client.post(path, data={"csrf_token": self.token(), **fields})

    def post_bare(self, path: str, **fields: str) -> TestResponse:
        """Send a form as another site would: without the token."""
        return self.client.post(path, data=fields)

    def token(self) -> str:
        """Return the hidden token of this session's forms."""
        page = self.client.get("/login", follow_redirects=True)
        found = _TOKEN.search(page.text)
        assert found, page.text[:300]
        return found[1]

    def log_in(self, name: str = NAME, password: str = PASSWORD) -> TestResponse:
        """Send the log-in form."""
        return self.post("/login", name=name, password=password)
