// Package mqtt publishes what cameras see, and tells Home Assistant what there is
// to listen to, by its discovery messages.
//
// Topics, below a first part of the user's choice:
//
//	status                        online, offline (also as the last will)
//	CAMERA/status                 online, offline
//	CAMERA/motion                 ON, OFF
//	CAMERA/events                 each event as JSON
//	CAMERA/objects/LABEL          how many are there now
//	CAMERA/snapshot/LABEL         the best picture of the last one that has gone, a JPEG
//	CAMERA/zones/ZONE             ON, OFF: somebody is in there
//	CAMERA/zones/ZONE/objects     {"person": 2}
//	CAMERA/lines/LINE             {"in": 3, "out": 1}
//
// All but events are retained.
package mqtt
