"""What goes wrong in the legs process."""

from appliance.base.errors import BranchlineError


class CommandError(BranchlineError):
    """Raised when a command cannot be carried out; its reason goes to the brain."""
