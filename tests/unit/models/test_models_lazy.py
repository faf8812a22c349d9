"""The models are cheap to import: nothing heavy is there before the first frame."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import diana_agent.models.ask, diana_agent.models.claude, diana_agent.models.embedded, diana_prompts.system
print([name for name in ("anthropic", "httpx2", "sqlalchemy", "textual", "boto3") if name in sys.modules])
"""


def test_no_model_imports_an_sdk():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
