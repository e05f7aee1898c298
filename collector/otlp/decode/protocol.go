package decode

// protocols names numbers that the kernel's headers fix.
func protocols() []kind {
	return []kind{
		// include/net/tcp_states.h
		table("tcp_state", map[int64]string{
			1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT",
			7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING", 12: "NEW_SYN_RECV",
		}),
		// include/uapi/linux/in.h
		table("ip_protocol", map[int64]string{
			0: "ip", 1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre",
			50: "esp", 51: "ah", 58: "ipv6-icmp", 89: "ospf", 103: "pim", 112: "vrrp", 115: "l2tp",
			132: "sctp", 136: "udplite", 255: "raw", 262: "mptcp",
		}),
		// include/uapi/linux/if_ether.h
		table("ether_protocol", map[int64]string{
			0x0800: "ip", 0x0806: "arp", 0x8035: "rarp", 0x8100: "8021q", 0x86dd: "ipv6", 0x8847: "mpls",
			0x8863: "pppoe-discovery", 0x8864: "pppoe-session", 0x888e: "eapol", 0x88a8: "8021ad",
			0x88cc: "lldp", 0x88f7: "ptp",
		}),
		// include/linux/socket.h
		table("address_family", map[int64]string{
			0: "unspec", 1: "unix", 2: "inet", 10: "inet6", 16: "netlink", 17: "packet", 29: "can",
			38: "alg", 40: "vsock", 44: "xdp",
		}),
		// include/linux/interrupt.h
		table("softirq", map[int64]string{
			0: "hi", 1: "timer", 2: "net_tx", 3: "net_rx", 4: "block", 5: "irq_poll", 6: "tasklet",
			7: "sched", 8: "hrtimer", 9: "rcu",
		}),
	}
}
