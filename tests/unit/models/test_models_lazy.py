"""The models are cheap to import: nothing heavy is there before the first frame."""

from __future__ import annotations

import subprocess
import sys


def test_no_model_imports_an_sdk():
    code = (
        "import sys, diana_agent.models.claude, diana_agent.models.embedded, diana_agent.models.ask, diana_prompts.system;"
        "sys.exit(', '.join(m for m in ('anthropic', 'httpx2', 'sqlalchemy', 'textual', 'boto3') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
