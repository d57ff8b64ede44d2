package contract

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// RecordID returns the id of the fact that a record states: its subject and its time, but no
// figures. Reporting the same fact again, in a republished window for example, gives the same id,
// so that a receiver can overwrite it. The forms, with times in seconds since 1970 (UTC), are
//
//	cloud-VM-RECORDCREATETIME
//	ip-PROJECT-USER-v4-MEASUREMENTTIME
//	accelerator-VM-YEAR-MONTH-TYPE-MODEL
//	storage-VOLUME-CREATETIME
//	energy-VM-STARTTIME-ENDTIME
//
// It consists of ASCII letters, digits and -._:/@+=, so that it needs no escapes in JSON, XML or a
// log. Other bytes become %XX, and so does `-` where it would make two facts look alike (in PROJECT
// and MODEL). An id longer than 512 bytes is cut and ends in `~` and a digest of the whole. A
// record without content has no id.
func RecordID(record *pluginv1.Record) string {
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		return fitID("cloud", idText(kind.Cloud.GetVmUuid(), ""), epochText(kind.Cloud.GetRecordCreateTime()))
	case *pluginv1.Record_Ip:
		return fitID("ip", idText(record.GetProjectId(), "-"), idText(kind.Ip.GetLocalUserId(), ""),
			"v"+strconv.FormatUint(uint64(kind.Ip.GetIpVersion()), 10), epochText(kind.Ip.GetMeasurementTime()))
	case *pluginv1.Record_Accelerator:
		a := kind.Accelerator
		parts := []string{"accelerator", idText(a.GetVmUuid(), ""),
			fmt.Sprintf("%04d", a.GetMeasurementYear()), fmt.Sprintf("%02d", a.GetMeasurementMonth()), acceleratorWord(a.GetType())}
		if a.GetModel() != "" {
			parts = append(parts, idText(a.GetModel(), "-"))
		}
		return fitID(parts...)
	case *pluginv1.Record_Storage:
		return fitID("storage", idText(kind.Storage.GetVolumeId(), ""), epochText(kind.Storage.GetCreateTime()))
	case *pluginv1.Record_Energy:
		return fitID("energy", idText(kind.Energy.GetVmUuid(), ""), epochText(kind.Energy.GetStartTime()), epochText(kind.Energy.GetEndTime()))
	}
	return ""
}

func acceleratorWord(t pluginv1.AcceleratorType) string {
	return strings.ToLower(strings.TrimPrefix(t.String(), "ACCELERATOR_TYPE_"))
}

func epochText(t *timestamppb.Timestamp) string { return strconv.FormatInt(t.GetSeconds(), 10) }

// idText escapes the bytes that an id must not have, and those in also.
func idText(text, also string) string {
	plain := func(c byte) bool {
		return ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._:/@+=,", c) >= 0) &&
			strings.IndexByte(also, c) < 0
	}
	i := 0
	for i < len(text) && plain(text[i]) {
		i++
	}
	if i == len(text) {
		return text
	}
	var escaped strings.Builder
	escaped.WriteString(text[:i])
	for ; i < len(text); i++ {
		if plain(text[i]) {
			escaped.WriteByte(text[i])
		} else {
			fmt.Fprintf(&escaped, "%%%02X", text[i])
		}
	}
	return escaped.String()
}

func fitID(parts ...string) string {
	id := strings.Join(parts, "-")
	if len(id) <= MaxRecordIDBytes {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	digest := hex.EncodeToString(sum[:16])
	return id[:MaxRecordIDBytes-1-len(digest)] + "~" + digest
}
