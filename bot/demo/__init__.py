"""The demo: the product with another API address and another inventory, and people who play along.

Here are the stage (three processes in a folder of their own), the people, the scenarios and the
verdict. Nothing outside of this package knows that it exists, but for the command line.
"""
