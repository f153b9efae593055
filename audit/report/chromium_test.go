package report_test

import (
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokenwarden/tokenwarden/audit/report"
)

// chromium is the browser's path, empty where there is none.
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// In a real browser the page has its style, in light and in dark, and the policy
// refuses nothing of it. Where no browser is installed, the policy's hash is
// checked by TestHTMLStandsAlone alone.
func TestHTMLInChromium(t *testing.T) {
	browser := chromium()
	if browser == "" {
		t.Log("no Chromium here")
		return
	}
	folder := t.TempDir()
	page := filepath.Join(folder, "report.html")
	if err := os.WriteFile(page, []byte(render(t, "html", sample(hostileNames()...), report.Options{})), 0o600); err != nil {
		t.Fatal(err)
	}
	light := photograph(t, browser, page)
	if got := color.RGBAModel.Convert(light.At(2, 2)); got != (color.RGBA{0xff, 0xff, 0xff, 0xff}) {
		t.Errorf("light paper is %v", got)
	}
	dark := photograph(t, browser, page, "--force-dark-mode", "--blink-settings=preferredColorScheme=0")
	if got := color.RGBAModel.Convert(dark.At(2, 2)); got != (color.RGBA{0x14, 0x17, 0x1c, 0xff}) {
		t.Errorf("dark paper is %v", got)
	}
	for name, picture := range map[string]image.Image{"light": light, "dark": dark} {
		if n := colors(picture); n < 50 {
			t.Errorf("%s: %d colours: the pictures are missing", name, n)
		}
	}
}

// photograph opens a page without network and returns its screenshot.
func photograph(t *testing.T, browser, page string, flags ...string) image.Image {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	shot := filepath.Join(t.TempDir(), "shot.png")
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
		"--user-data-dir=" + t.TempDir(), "--enable-logging=stderr", "--window-size=1280,1000", "--screenshot=" + shot,
	}, flags...)
	out, err := exec.CommandContext(ctx, browser, append(args, "file://"+page)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "CONSOLE") || strings.Contains(line, "Refused to") {
			t.Errorf("the browser complains: %s", line)
		}
	}
	f, err := os.Open(shot)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

func colors(picture image.Image) int {
	seen := make(map[color.Color]bool)
	size := picture.Bounds()
	for y := size.Min.Y; y < size.Max.Y; y += 3 {
		for x := size.Min.X; x < size.Max.X; x++ {
			seen[picture.At(x, y)] = true
		}
	}
	return len(seen)
}
