"""`branchline doctor`: each fault is named, with what to do, and the exit code follows."""

import json
from pathlib import Path

from tests.appliance.cli.runner import branchline
from tests.ports import free_port


def test_faults_are_told_with_advice(tmp_path: Path) -> None:
    config = tmp_path / "appliance.toml"
    config.write_text(f'state_dir = "{tmp_path}/none"\n[sip]\nport = {free_port()}\n')
    done = branchline("doctor", "--config", str(config))
    assert done.returncode == 69
    lines = done.stdout.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("fail state"))
    assert "install -d" in lines[at + 1]


def test_as_json(tmp_path: Path) -> None:
    config = tmp_path / "appliance.toml"
    config.write_text(f'state_dir = "{tmp_path}"\n')
    checks = json.loads(branchline("doctor", "--json", "--config", str(config)).stdout)
    assert {"name": "settings", "level": "ok", "found": str(config), "advice": ""} in checks
    assert {check["name"] for check in checks} >= {"disk", "port", "clock", "prompts", "ledger"}


def test_wrong_settings_are_78(tmp_path: Path) -> None:
    config = tmp_path / "appliance.toml"
    config.write_text("site = 5\n")
    done = branchline("doctor", "--config", str(config))
    assert done.returncode == 78
    assert "fail settings" in done.stdout


def test_prompts_that_the_box_has_not_are_named(tmp_path: Path) -> None:
    step = {"do": "voicemail", "prompts": ["there", "gone", "tone:1000"], "otherwise": "bye"}
    flow = {"name": "f", "start": "word", "steps": {"word": step, "bye": {"do": "hang-up"}}}
    plan = {"flows": [flow], "queues": [{"name": "q", "music": ["moh", "lost"]}]}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    (tmp_path / "moh").mkdir()
    for name in ("there.wav", "vm-msgsaved.ulaw"):
        (tmp_path / "moh" / name).write_bytes(b"x")
    config = tmp_path / "appliance.toml"
    config.write_text(
        f'state_dir = "{tmp_path}"\nplan_file = "{tmp_path}/plan.json"\n'
        f'[media]\nprompt_dirs = ["{tmp_path}/moh"]\n'
    )
    checks = json.loads(branchline("doctor", "--json", "--config", str(config)).stdout)
    found = {check["found"] for check in checks if check["name"] == "prompts"}
    assert found == {
        f"{tmp_path}/moh",
        "flows[f].steps[word].prompts: there is no prompt 'gone'",
        "flows[f].steps[word]: there is no prompt 'beep'",
        "queues[q].music: there is no prompt 'lost'",
    }
