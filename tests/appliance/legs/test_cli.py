"""The legs command: what it sets up before it runs."""

import subprocess
import sys

LOW = """
import resource
from appliance.legs.cli import raise_file_limit
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, most), most))
raise_file_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_open_files_are_limited_by_the_hard_limit_only() -> None:
    done = subprocess.run([sys.executable, "-c", LOW], capture_output=True, text=True, check=True)
    soft, hard = done.stdout.split()
    assert soft == hard
