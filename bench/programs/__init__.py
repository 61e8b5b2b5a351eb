"""The programs that are measured: one small application, written once for each framework.

Every one answers ``/`` (text), ``/json`` and ``/item/<int>`` with the same bytes.
"""
