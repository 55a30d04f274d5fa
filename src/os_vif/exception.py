"""Every exception of the library, for callers (Nova, Neutron, the agent, the command line) and for plugins.

All derive from `ExceptionBase`; the text comes from `msg_fmt` and the keyword arguments named in it, which
stay readable as `.kwargs`. The text says what failed, on what, and what to do.

    ExceptionBase
     +-- LibraryNotInitialized              os_vif.initialize() was not called
     +-- NoMatchingPlugin                   no such plugin on this host
     +-- NoMatchingVIFClass                 negotiation (HostInfo): no such VIF type ...
     +-- NoSupportedVIFVersion              ... or no common version of it
     +-- NoMatchingPortProfileClass         the same for port profiles
     +-- NoSupportedPortProfileVersion
     +-- PlugException                      os_vif.plug failed; the plugin's own error is `err`
     +-- UnplugException                    os_vif.unplug failed
     +-- InvalidObject                      a primitive or JSON text that is no object of ours
     +-- InvalidVIF                         an object, but not one the plugin can plan
     |    +-- UnfitVIF                      ... or not one that a guest's card can be made of (os_vif.virt)
     +-- InvalidPort                        a network service's port that no VIF can be made of (os_vif.openstack)
     |    +-- PortNotBound                   ... because no mechanism of the network took it
     +-- PlanConflict                       two VIFs want one host object to be two things
     +-- NameCollision                      the object on the host is another VIF's
     +-- EngineError                        the host is not, or could not be made, as planned
     |    +-- StepFailed                    one change was refused
     |    |    +-- TryAgainLater            ... for now
     |    +-- NotVerified                   every step passed, the result still differs
     |    +-- ResourceMissing               needed, and not ours to create
     |    +-- WrongKind                     the name belongs to another kind of object
     |    +-- HostConflict                  the host's own configuration is in the way
     +-- CheckNotSupported                  a third-party plugin that can only plug and unplug
     +-- NotReady                           wait_ready ran out of time
     +-- BulkError                          some VIFs of many failed
     +-- NoPrivileges                       the host may not be changed by this process
     +-- GuestError                         the guests' side (os_vif.virt)
     |    +-- InvalidCard                   what is wanted of a network card makes no sense, or not with this VIF
     |    +-- NotForGuest                   this kind of guest has no such card
     |    +-- GuestRuns                     what is to be started runs already
     |    +-- CardPresent                   what is to be attached is there already
     |    +-- CardKept                      a guest that was asked for a card has not given it back
     |    +-- NotMigratable                 cards and the destination's VIFs do not belong together
     +-- NetworkMissingPhysicalNetwork      names that plugins of other projects may import:
     +-- NetworkInterfaceNotFound
     +-- NetworkInterfaceTypeNotDefined
     +-- ExternalImport
     +-- NotImplementedForOS
"""

# ruff: noqa: N818  # the names are those of the contract, and of the states they report

from collections.abc import Callable, Mapping, Sequence


class ExceptionBase(Exception):
    """Base of all: `message` if given, else `msg_fmt` filled in with the keyword arguments.

    A `msg_fmt` that cannot be filled in (an argument is missing) is used as it stands: the error that is
    being reported must not be hidden by one in its reporting.
    """

    msg_fmt = "An unknown exception occurred."

    def __init__(self, message: str | None = None, **kwargs: object) -> None:
        self.kwargs: dict[str, object] = kwargs
        if not message:
            try:
                message = self.msg_fmt % kwargs
            except (KeyError, TypeError, ValueError):
                message = self.msg_fmt
        self.message: str = message
        super().__init__(message)

    def format_message(self) -> str:
        """Return the text of the error."""
        return str(self.args[0])


class LibraryNotInitialized(ExceptionBase):
    msg_fmt = (
        "The os_vif library is not initialized: call os_vif.initialize() before any other function of it."
    )


class NoMatchingPlugin(ExceptionBase):
    """No plugin of that name is loaded.

    :param plugin_name: the name asked for, `vif.plugin` as a rule
    :param installed: the names that could have been asked for
    :param failed: plugins that are installed but did not load: name to cause
    """

    msg_fmt = "No VIF plugin is named %(plugin_name)s."

    def __init__(
        self,
        message: str | None = None,
        *,
        installed: Sequence[str] | None = None,
        failed: Mapping[str, str] | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(message, **kwargs)
        if installed is not None:
            self.kwargs["installed"] = installed
        if failed is not None:
            self.kwargs["failed"] = failed
        if message:
            return
        if installed is not None:
            self.message += f" Installed: {', '.join(sorted(installed)) or 'none'}."
        if failed:
            causes = "; ".join(f"{name} ({cause})" for name, cause in sorted(failed.items()))
            self.message += f" Failed to load: {causes}."
        self.args = (self.message,)


class NoMatchingPortProfileClass(ExceptionBase):
    msg_fmt = "No port profile class is named %(name)s: the peer that advertises it is newer than this side."


class NoSupportedPortProfileVersion(ExceptionBase):
    msg_fmt = (
        "No version of port profile %(name)s suits both sides: the peer takes %(min_version)s to "
        "%(max_version)s, this side has %(got_versions)s. Upgrade the older of the two."
    )


class NoMatchingVIFClass(ExceptionBase):
    """No VIF class of that name; the name is `name`, or `vif_name` as callers of old have it."""

    msg_fmt = "No VIF class is named %(name)s here: ask for a type that this host's plugins list."

    def __init__(self, message: str | None = None, **kwargs: object) -> None:
        if "vif_name" in kwargs:
            kwargs.setdefault("name", kwargs["vif_name"])
        super().__init__(message, **kwargs)


class NoSupportedVIFVersion(ExceptionBase):
    msg_fmt = (
        "No version of VIF type %(name)s suits both sides: the peer takes %(min_version)s to "
        "%(max_version)s, this side has %(got_versions)s. Upgrade the older of the two."
    )


class PlugException(ExceptionBase):
    msg_fmt = "Failed to plug VIF %(vif)s. Got error: %(err)s"


class UnplugException(ExceptionBase):
    msg_fmt = "Failed to unplug VIF %(vif)s. Got error: %(err)s"


class InvalidObject(ExceptionBase):
    """Input that cannot be made an object; `path` leads to the value, e.g. `VIFBridge.network.mtu`."""

    msg_fmt = "Invalid object: %(path)s: %(reason)s"


class InvalidVIF(ExceptionBase):
    """A VIF that a plugin cannot plan; `field` is what to mend, e.g. `port_profile.interface_id`."""

    msg_fmt = "VIF %(vif_id)s cannot be plugged: %(field)s: %(reason)s. Correct the VIF where it is built."


class InvalidPort(ExceptionBase):
    """A port that no VIF can be made of.

    :param port: the port's id
    :param field: what to mend, in the words of who sent it: `binding:vif_details.vhostuser_socket`
    :param reason: what is wrong with it
    """

    msg_fmt = (
        "Port %(port)s cannot be made a VIF: %(field)s %(reason)s. "
        "Correct it in the network service: in the mechanism driver that bound the port, or its agent's options."
    )


class PortNotBound(InvalidPort):
    """`vif_type` is what stands in its place; `host` the host it should be bound to, None if it was given none."""

    msg_fmt = "Port %(port)s is not bound (%(field)s is %(vif_type)s): %(hint)s"


class UnfitVIF(InvalidVIF):
    msg_fmt = (
        "VIF %(vif_id)s cannot be made a guest's card: %(field)s: %(reason)s. "
        "Correct the VIF where it is built."
    )


class PlanConflict(ExceptionBase):
    msg_fmt = (
        "VIFs %(first)s and %(second)s both need %(key)s, but not the same: %(reason)s. "
        "Plug one of them elsewhere, or make their networks agree."
    )


class NameCollision(ExceptionBase):
    msg_fmt = (
        "%(name)s, which VIF %(vif)s needs, exists and belongs to VIF %(other)s. "
        "Unplug that VIF, or give one of the two another name."
    )


class EngineError(ExceptionBase):
    msg_fmt = "The host could not be brought to, or is not in, the planned state."


class StepFailed(EngineError):
    msg_fmt = "Could not %(step)s, on %(object)s: %(reason)s"


class TryAgainLater(StepFailed):
    """What has to be done cannot be done now; the same call may succeed later, with nothing else changed."""

    msg_fmt = "Could not %(step)s, on %(object)s, for now: %(reason)s. Try again later"


class NotVerified(EngineError):
    msg_fmt = (
        "VIF %(vif)s was plugged without an error, yet the host differs from the plan: %(differences)s. "
        "Look for another program that changes these objects."
    )


class ResourceMissing(EngineError):
    msg_fmt = "%(object)s is needed and is not there; it is not created here. %(hint)s"


class WrongKind(EngineError):
    msg_fmt = (
        "%(object)s is a %(found)s where a %(expected)s is needed; it is left alone. "
        "Rename or remove it, or use another name."
    )


class HostConflict(EngineError):
    msg_fmt = "%(object)s cannot be used as the host is configured: %(reason)s"


class CheckNotSupported(ExceptionBase):
    msg_fmt = (
        "Plugin %(plugin_name)s can plug and unplug, but not say whether a VIF is plugged: "
        "it implements no plan. Ask its authors, or look at the host by hand."
    )


class NotReady(ExceptionBase):
    """Not seen ready in time.

    :param vif: the id of the VIF
    :param timeout: seconds that were waited
    :param reasons: what was found on the host, one sentence each
    """

    msg_fmt = "VIF %(vif)s is not ready after %(timeout)s s: %(reasons)s"

    def __init__(
        self, message: str | None = None, *, reasons: Sequence[str] | str = (), **kwargs: object
    ) -> None:
        self.reasons: tuple[str, ...] = (reasons,) if isinstance(reasons, str) else tuple(reasons)
        super().__init__(message, reasons="; ".join(self.reasons) or "no reason was found", **kwargs)


class BulkError(ExceptionBase):
    """Some of many VIFs failed; the others are done.

    :param errors: VIF id to the exception it met
    """

    def __init__(self, errors: Mapping[str, Exception]) -> None:
        self.errors: dict[str, Exception] = dict(errors)
        listed = "\n".join(f"  {vif}: {error}" for vif, error in sorted(self.errors.items()))
        super().__init__(
            f"{len(self.errors)} VIFs failed, the others are done:\n{listed}", errors=self.errors
        )

    def __reduce__(self) -> tuple[Callable[..., "BulkError"], tuple[dict[str, Exception]]]:
        return type(self), (self.errors,)


class NoPrivileges(ExceptionBase):
    msg_fmt = (
        "The host's network cannot be changed: %(reason)s. Run as root or with CAP_NET_ADMIN, "
        "or configure helper_command for the plugin's privileged daemon."
    )


class GuestError(ExceptionBase):
    msg_fmt = "A guest cannot be given its network cards."


class InvalidCard(GuestError):
    """`field` is the one of os_vif.virt.Card that is to be mended."""

    msg_fmt = "Network card: %(field)s: %(reason)s. Correct what is wanted of the card."


class NotForGuest(GuestError):
    """`guest` is the kind of guest: libvirt, QEMU, VMware."""

    msg_fmt = "VIF %(vif_id)s is a %(type)s, which no %(guest)s guest can have: %(reason)s. %(hint)s"


class GuestRuns(GuestError):
    msg_fmt = "Guest %(guest)s runs already. Stop it first, or attach what it lacks to it."


class CardPresent(GuestError):
    msg_fmt = "VIF %(vif_id)s: guest %(guest)s has its card already. Detach it first."


class CardKept(GuestError):
    """`timeout`: seconds that were waited."""

    msg_fmt = (
        "VIF %(vif_id)s: the guest has not let go of its card after %(timeout)s s; the VIF is still plugged. "
        "Look whether the guest runs and knows hot-plugging (ACPI), and detach it again."
    )


class NotMigratable(GuestError):
    msg_fmt = (
        "Guest %(guest)s cannot be migrated: %(reason)s. "
        "Make the destination's VIFs those of the guest's cards, by address."
    )


class NetworkMissingPhysicalNetwork(ExceptionBase):
    msg_fmt = "Network %(network_uuid)s has no physical network: set one on the network."


class NetworkInterfaceNotFound(ExceptionBase):
    msg_fmt = "Network interface %(interface)s not found: check its name, and the network namespace."


class NetworkInterfaceTypeNotDefined(ExceptionBase):
    msg_fmt = "Network interface type %(type)s is not known: use one that `ip link add` lists."


class ExternalImport(ExceptionBase):
    msg_fmt = "os_vif.internal is for os_vif alone: use the public functions of os_vif."


class NotImplementedForOS(ExceptionBase):
    msg_fmt = "Function %(function)s is not implemented for %(os)s."
