"""python-gitlab against the fake GitLab: every call that the dashboard makes, with this client's own idea of the answers."""

import os

import gitlab

gl = gitlab.Gitlab(os.environ["GITLAB"], private_token=os.environ["TOKEN"])
gl.auth()  # the first try is throttled with Retry-After
assert gl.user.username == "user1"

group = gl.groups.get("team")
projects = group.projects.list(include_subgroups=True, with_shared=False, archived=False, order_by="id", sort="asc", iterator=True)
assert projects.total == 45 and projects.per_page == 20, (projects.total, projects.per_page)
assert [p.id for p in projects] == list(range(1, 46))
assert len(group.projects.list(get_all=False)) == 20

assert group.members_all.get(7).access_level == 30
try:
    group.members_all.get(8)
    raise AssertionError("8 is no member")
except gitlab.GitlabGetError as error:
    assert error.response_code == 404

shop = gl.projects.get(1)
assert shop.path_with_namespace == "team/shop" and shop.default_branch == "main"
assert [(e.name, e.tier) for e in shop.environments.list(states="available")] == [
    ("development", "development"), ("staging", "staging"), ("production", "production")]

newest = shop.deployments.list(order_by="updated_at", sort="desc", get_all=False)
assert len(newest) == 20 and newest[0].status == "failed" and newest[0].environment["name"] == "production"
everything = shop.deployments.list(get_all=True)
assert len(everything) == 29 and everything[0].id < everything[-1].id, "ascending by default"
last = shop.deployments.list(environment="production", status="success", order_by="finished_at", sort="desc", per_page=1, get_all=False)
assert [d.ref for d in last] == ["v1.0.9"] and last[0].deployable["tag"] is True and last[0].user["username"] == "release-bot"
since = shop.deployments.list(updated_after=everything[-2].updated_at, order_by="updated_at", sort="asc", get_all=True)
assert [d.id for d in since] == [everything[-1].id]
for wrong in ({"updated_after": "2026-01-01T00:00:00Z"}, {"order_by": "finished_at"}):
    try:
        shop.deployments.list(get_all=False, **wrong)
        raise AssertionError(f"{wrong} is refused by GitLab")
    except gitlab.GitlabListError as error:
        assert error.response_code == 400

assert [b.name for b in shop.branches.list(regex="^(main$|release[/-]|hotfix[/-])", get_all=True)] == ["release/1.1", "main"]
tags = {t.name: t.commit["id"] for t in shop.tags.list(order_by="updated", sort="desc", get_all=True)}
assert set(tags) == {"v1.0.9", "v1.0.10"}
compared = shop.repository_compare(tags["v1.0.9"], tags["v1.0.10"])
assert len(compared["commits"]) == 1 and compared["compare_timeout"] is False
assert shop.repository_compare(tags["v1.0.10"], tags["v1.0.9"])["commits"] == []

try:
    gitlab.Gitlab(os.environ["GITLAB"], private_token="wrong").auth()
    raise AssertionError("a wrong token is refused")
except gitlab.GitlabAuthenticationError as error:
    assert error.response_code == 401
