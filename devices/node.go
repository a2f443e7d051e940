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
	var there []Identity
	for _, n := range nodes {
		there = append(there, n.Identity)
		if id.names(n.Identity) && (len(found) == 0 || found[0].Identity != n.Identity) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return Node{}, id.missing(there)
	case 1:
		return found[0], nil
	default:
		return Node{}, &Fault{Reason: "more than one device matches",
			Hint: "name one unit in the device's port: its serial number, its USB port or its link under /dev/input/by-id"}
	}
}

// missing says why the unit of an identity is not among those that are there: a
// unit of its model may be, which is then in another port or is another one.
func (id Identity) missing(there []Identity) *Fault {
	model := Identity{VendorID: id.VendorID, ProductID: id.ProductID}
	for _, unit := range there {
		switch {
		case !model.names(unit):
		case id.USBPort != "":
			return &Fault{Reason: "not in its USB port", Hint: "a unit of this model is in another port: plug it in where it was, or let clinicgate devices replace take it into use there"}
		case id.Serial != "":
			return &Fault{Reason: "not plugged in, but another unit of its model is", Hint: "plug the unit in, or let clinicgate devices replace take the other one into use"}
		}
	}
	return &Fault{Reason: "not plugged in", Hint: "plug the device in; clinicgate devices list shows what is there"}
}

// names reports whether a configured identity is that of a unit.
func (id Identity) names(unit Identity) bool {
	return unit.Path == "" && unit.VendorID == id.VendorID && unit.ProductID == id.ProductID &&
		(id.Serial == "" || strings.EqualFold(id.Serial, unit.Serial)) &&
		(id.USBPort == "" || id.USBPort == unit.USBPort)
}
