"""A local Git forge: bare repositories over smart HTTP whose pushes become signed deliveries.

It exists so that people can try DCanary, and test their pipelines, without a public URL.
"""

from dcanary.forge.errors import ForgeError
from dcanary.forge.forge import Forge, Repository
from dcanary.forge.log import Delivery

__all__ = ["Delivery", "Forge", "ForgeError", "Repository"]
