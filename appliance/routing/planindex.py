"""A plan prepared for look-ups: agents by profile, queues by stage, classes by score. Pure."""

from collections.abc import Mapping
from functools import cached_property

from appliance.plan.model import Agent, Channel, Plan, ServiceClass
from appliance.routing.areas import region_area, site_area
from appliance.routing.needs import Need, NeedBook, Stage
from appliance.routing.pools import Pools

#: score of a contact that has waited its class' longest; above what any other comes to (3,600 s
#: of head start and a week at slope 10)
OVERDUE = 1e7


class Profile:
    """What agents have in common that may answer the same contacts."""

    __slots__ = ("channels", "reserve", "skills")

    def __init__(self, agent: Agent) -> None:
        self.skills: dict[str, int] = dict(agent.skills)
        self.channels = frozenset(agent.slots)
        self.reserve = agent.reserve

    def levels(self, need: Need) -> int | None:
        """Return the levels that count for *need*, added up; None where it is not met."""
        if need.channel not in self.channels or (self.reserve and not need.reserve):
            return None
        return need.levels(self.skills)


class PlanIndex:
    """A plan prepared for look-ups. It never changes."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.serial = plan.serial
        self.needs = NeedBook(plan.queues, plan.agents)
        self._classes = {klass.name: klass for klass in plan.classes}
        fallback = self._classes.get(plan.default_class)
        self._fallback = fallback or ServiceClass(name="none")
        self._regions = {site.name: site.region for site in plan.sites}
        shares = [site for queue in plan.queues if queue.divide for site in queue.divide.shares]
        #: sites that the plan speaks of; a row may name any
        self.sites = frozenset((*self._regions, *(agent.site for agent in plan.agents), *shares))
        self._areas: dict[str, tuple[str, ...]] = {}
        #: agent -> cost
        self.costs = {agent.name: agent.cost for agent in plan.agents}
        profiles: dict[tuple[object, ...], Profile] = {}
        #: agent -> profile
        self.agents: dict[str, Profile] = {}
        for agent in plan.agents:
            key = (agent.reserve, *sorted(agent.skills.items()), *sorted(agent.slots))
            if key not in profiles:
                profiles[key] = Profile(agent)
            self.agents[agent.name] = profiles[key]
        self._profiles = list(profiles.values())
        #: skill -> profiles that have it
        self._with: dict[str, list[Profile]] = {}
        for profile in self._profiles:
            for skill in profile.skills:
                self._with.setdefault(skill, []).append(profile)

    @cached_property
    def pools(self) -> Pools:
        """Return which queues and agents belong together; made when first asked for."""
        return Pools(self.plan.queues, self.plan.agents)

    def klass(self, name: str) -> ServiceClass:
        """Return the class called *name*, or the default class."""
        return self._classes.get(name) or self._fallback

    def stages(
        self, queue: str, channel: Channel, skills: Mapping[str, int]
    ) -> tuple[Stage, ...] | None:
        """Return what such a contact asks for over time; None for an unknown queue."""
        return self.needs.stages(queue, channel, skills)

    def joined(
        self, queue: str, channel: Channel, skills: Mapping[str, int]
    ) -> tuple[Stage, ...] | None:
        """Return the same while reserve agents serve the queue from the first."""
        return self.needs.joined(queue, channel, skills)

    def able(self, need: Need) -> dict[Profile, int]:
        """Return the profiles that meet *need*, with their levels that count, added up."""
        some = [self._with.get(skill, []) for skill, _ in need.required] or [self._profiles]
        found = {}
        for profile in min(some, key=len):
            levels = profile.levels(need)
            if levels is not None:
                found[profile] = levels
        return found

    def named_ms(self, queue: str) -> int:
        """Return how long a contact of *queue* is kept for the agent it asks for [ms]."""
        known = self.needs.queue(queue)
        return round(known.named_s * 1000) if known else 0

    def region(self, site: str) -> str:
        """Return the region of *site*, or nothing."""
        return self._regions.get(site, "")

    def areas(self, site: str) -> tuple[str, ...]:
        """Return what *site* belongs to: itself and its region."""
        known = self._areas.get(site)
        if known is None:
            region = self.region(site)
            known = (site_area(site), region_area(region)) if region else (site_area(site),)
            self._areas[site] = known
        return known

    def score(self, klass: str, waited_ms: int) -> float:
        """Return a contact's score: the head start of its class and slope × time waited.

        Who has waited its class' longest competes by the time waited alone, before all others.
        """
        service = self.klass(klass)
        waited_s = waited_ms / 1000
        if waited_s >= service.longest_s:
            return OVERDUE + waited_s
        return service.head_start_s + service.slope * waited_s

    def target_ms(self, queue: str, klass: str) -> int:
        """Return within which wait a contact counts as answered in time [ms]."""
        known = self.needs.queue(queue)
        return round(1000 * (self.klass(klass).target_s or (known.target_s if known else 0)))
