from snntk_core.graph import Graph
from snntk_core.node import Node
