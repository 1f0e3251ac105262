"""`python -m appliance.cli`: the `branchline` command."""

from appliance.cli.entry import main

if __name__ == "__main__":
    main()
