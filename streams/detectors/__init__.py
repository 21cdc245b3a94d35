"""Detectors: pure objects that turn frames into signals, one idea per module.

The contract is `streams.detectors.contract.Detector`; every detector in `streams.detectors.registry` is held to one contract suite.
"""
