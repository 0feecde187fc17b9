// SPDX-License-Identifier: Apache-2.0
// Keeps what it takes, a MiB at a time.
public class Hog {
	public static void main(String[] args) {
		java.util.ArrayList<byte[]> kept = new java.util.ArrayList<>();
		System.out.println("heap limit "
			+ (Runtime.getRuntime().maxMemory() >> 20) + "M");
		for (int i = 0; i < 400; i++) {
			byte[] block = new byte[1 << 20];
			java.util.Arrays.fill(block, (byte)1);
			kept.add(block);
		}
		System.out.println("has " + kept.size() + "M");
	}
}
