"""Names of areas: all branches, a region, a branch, one agent's seat."""

#: every branch
ALL = "all"
_AGENT, _REGION, _SITE = "agent:", "region:", "site:"
#: what the areas of more than one branch begin with
WIDE = (ALL, _REGION)


def agent_area(agent: str) -> str:
    """Return the area that is *agent* alone."""
    return _AGENT + agent


def region_area(region: str) -> str:
    """Return the area of a region's branches."""
    return _REGION + region


def site_area(site: str) -> str:
    """Return the area of one branch."""
    return _SITE + site


def is_agent(area: str) -> bool:
    """Tell whether *area* is one agent alone."""
    return area.startswith(_AGENT)


def agent_of(area: str) -> str:
    """Return the agent that an area of one is."""
    return area.removeprefix(_AGENT)
