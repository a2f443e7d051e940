package main

import (
	"math"
	"slices"
)

const (
	rate     = 16000 // samples a second of a pack: what separates s from f is below 8 kHz
	window   = 16    // samples on each side that a new sample is made of
	silence  = 160   // of 32767: below it there is nothing to hear
	lead     = rate / 100
	trailing = rate / 20
)

// resample makes samples of another rate, by a windowed sinc that leaves out what
// the lower of the two rates cannot hold.
func resample(in []int16, from, to int) []int16 {
	if from == to {
		return in
	}
	step := float64(from) / float64(to)
	cut := math.Min(1, 1/step)
	out := make([]int16, int(float64(len(in))/step))
	for i := range out {
		at := float64(i) * step
		middle := int(at)
		var sum, weights float64
		for k := max(0, middle-window+1); k <= min(len(in)-1, middle+window); k++ {
			x := at - float64(k)
			w := (0.5 + 0.5*math.Cos(math.Pi*x/(window+1))) * sinc(cut*x)
			sum += w * float64(in[k])
			weights += w
		}
		if weights > 0 {
			out[i] = int16(math.Round(math.Max(math.MinInt16, math.Min(math.MaxInt16, sum/weights))))
		}
	}
	return out
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// trim cuts the silence before and after, but for what keeps a sound from clicking.
func trim(pcm []int16) []int16 {
	loud := func(s int16) bool { return s > silence || s < -silence }
	first := slices.IndexFunc(pcm, loud)
	if first < 0 {
		return nil
	}
	last := len(pcm) - 1
	for !loud(pcm[last]) {
		last--
	}
	return pcm[max(0, first-lead):min(len(pcm), last+trailing)]
}
