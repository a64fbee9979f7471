"""The executor: leases jobs, builds them in a sandbox, attests to what came out.

Names are imported from the modules that have them: a local run needs the build, and neither the
chain nor the loop, whose libraries take long to import.
"""
