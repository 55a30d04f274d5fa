"""Constants of the linux_bridge plugin that other projects import."""

PLUGIN_NAME = "linux_bridge"
