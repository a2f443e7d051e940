package devices

import "strings"

// Node is a device node of a unit that is plugged in and has no port of its
// own kind: the keys or the raw reports of a HID unit. Two values are equal
// when they are the same node of the same plugging.
type Node struct {
	Name     string   // what to open: /dev/input/event5, /dev/hidraw0
	Identity Identity // of the unit behind it
	Product  string   // what the unit calls itself; may be empty
	number   uint64   // the node's device number
}

// FindNode gives the node that a unit has now, among those that list gives. A
// unit that shows several has its first used. The error is a *Fault.
func FindNode(id Identity, list func() ([]Node, error)) (Node, error) {
	if id.Path != "" {
		return nodeAt(id.Path)
	}
	nodes, err := list()
	if err != nil {
		return Node{}, &Fault{Reason: "cannot list what is plugged in", Hint: "name the device by its path", Err: err}
	}
	var found []Node
	for _, n := range nodes {
		if id.names(n.Identity) && (len(found) == 0 || found[0].Identity != n.Identity) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return Node{}, &Fault{Reason: "not plugged in", Hint: "plug the device in; clinicgate devices list shows what is there"}
	case 1:
		return found[0], nil
	default:
		return Node{}, &Fault{Reason: "more than one device matches",
			Hint: "name one unit in the device's port: its serial number, its USB port or its link under /dev/input/by-id"}
	}
}

// names reports whether a configured identity is that of a unit.
func (id Identity) names(unit Identity) bool {
	return unit.Path == "" && unit.VendorID == id.VendorID && unit.ProductID == id.ProductID &&
		(id.Serial == "" || strings.EqualFold(id.Serial, unit.Serial)) &&
		(id.USBPort == "" || id.USBPort == unit.USBPort)
}
