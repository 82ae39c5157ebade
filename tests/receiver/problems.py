"""What every refusal of the receiver looks like to its sender."""

import httpx


def assert_problem(response: httpx.Response, status: int) -> None:
    """Check an error: RFC 9457, and nothing in it that is not known to the sender."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json().keys() == {"title", "status", "detail"}
    assert response.json()["status"] == status
    told = response.text + str(response.headers)
    for internal in ("Traceback", "redis.sock", "rror:", "xception", "uvicorn", "whsec_", "svix"):
        assert internal not in told
