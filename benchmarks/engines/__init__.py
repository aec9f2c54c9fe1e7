"""Side-by-side runs of one spiking network in many engines: same weights, same inputs, outputs compared.

Every engine runs in a process of its own, one after the other.  It builds its network, runs it once to warm up, then
several times; the median counts.  Its readout and its spikes are compared with those of snntk's `numpy` simulator.
Nothing is installed: an engine whose library is missing is left out, with a line that says so.

``networks``: what is run.  ``chain``: a graph as the layers that torch and the peers have.  ``rows``: one file for each
engine.  ``worker``: the process that measures one engine.  ``comparison``: whether outputs are the same.  ``tables``:
what is shown.  ``command``: the options, and the order of things.
"""
