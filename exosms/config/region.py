"""The regions in which accounts live, and how people name them."""

import re
from enum import StrEnum

from exosms.errors import ConfigError


class Region(StrEnum):
    """Where an account lives; each account lives in one region only (Exotel's API documentation)."""

    SINGAPORE = "singapore"
    MUMBAI = "mumbai"
    SANDBOX = "sandbox"

    @property
    def host(self) -> str:
        """The API's host; the sandbox, which answers inside the process, has none."""
        return {Region.SINGAPORE: "api.exotel.com", Region.MUMBAI: "api.in.exotel.com"}.get(self, "")

    @property
    def dashboard(self) -> str:
        """The host of the dashboard, which tells an account's region (Exotel's support article 3000023019)."""
        return {Region.SINGAPORE: "my.exotel.com", Region.MUMBAI: "my.mum1.exotel.com"}.get(self, "")

    @property
    def base_url(self) -> str:
        """The API's address; empty for the sandbox."""
        return f"https://{self.host}" if self.host else ""


def parse_region(text: str) -> Region:
    """Read a region's name, its host as Exotel's pages print it (``@api.in.exotel.com``), or its dashboard's address.

    Raises ConfigError with a sentence that names the value, unless that may hold credentials.
    """
    wanted = text.strip().lower()
    host = re.sub(r"^https://", "", wanted).removeprefix("@").split("/", 1)[0]
    for region in Region:
        if wanted == region.value or (host and host in {region.host, region.dashboard}):
            return region
    shown = "This" if "@" in wanted else repr(text)
    raise ConfigError(
        f"{shown} is not a valid region: write singapore (api.exotel.com), mumbai (api.in.exotel.com) or sandbox",
        remedy="Each account belongs to one region. The dashboard's address tells which: my.exotel.com is singapore,"
        " my.mum1.exotel.com is mumbai.",
    )
