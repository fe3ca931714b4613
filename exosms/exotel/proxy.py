"""Which proxy a request takes."""

from urllib.parse import urlsplit


def proxy_address(host: str) -> str | None:
    """Return the address of the proxy on the way to a host, which may hold a password; None where there is none."""
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    url = proxies.get("https") or proxies.get("all")
    if not url or proxy_bypass(host):
        return None
    return url if "://" in url else f"http://{url}"


def proxy_of(host: str) -> str | None:
    """Return scheme, host and port of the proxy on the way to a host, without its user; None where there is none."""
    url = proxy_address(host)
    if url is None:
        return None
    invalid = "set, but not a valid address"  # whatever stands there may be a part of a password
    try:
        address = urlsplit(url)
        port = f":{address.port}" if address.port else ""
    except ValueError:
        return invalid
    host = address.hostname or ""
    if not host or "@" in address.path + address.query + address.fragment:
        return invalid
    return f"{address.scheme}://{f'[{host}]' if ':' in host else host}{port}"
